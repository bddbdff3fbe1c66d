// SPDX-License-Identifier: Apache-2.0

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.boot.Banner;
import org.springframework.boot.autoconfigure.mail.MailSenderAutoConfiguration;
import org.springframework.boot.autoconfigure.ssl.SslAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.mail.SimpleMailMessage;
import org.springframework.mail.javamail.JavaMailSenderImpl;

/**
 * Prints the mail settings that a Spring Boot application reads from its environment, one line each, as
 * {@code name=value} in URL encoding. With two arguments, a sender and a recipient, it sends an email as well.
 */
public class SpringSettings {
    public static void main(String[] arguments) {
        var application = new SpringApplicationBuilder(SslAutoConfiguration.class, MailSenderAutoConfiguration.class)
                .bannerMode(Banner.Mode.OFF)
                .logStartupInfo(false)
                .properties("logging.level.root=OFF");
        try (var context = application.run()) {
            var mail = context.getBean(JavaMailSenderImpl.class);
            var found = new TreeMap<String, Object>();
            mail.getJavaMailProperties().forEach((name, value) -> found.put((String) name, value));
            found.put("host", mail.getHost());
            found.put("port", mail.getPort());
            found.put("username", mail.getUsername());
            found.put("password", mail.getPassword());
            for (Map.Entry<String, Object> it : found.entrySet()) {
                System.out.println(it.getKey() + "="
                        + URLEncoder.encode(String.valueOf(it.getValue()), StandardCharsets.UTF_8));
            }
            if (arguments.length == 2) {
                var message = new SimpleMailMessage();
                message.setFrom(arguments[0]);
                message.setTo(arguments[1]);
                message.setSubject("Sent by Spring Boot");
                message.setText("The settings work.");
                mail.send(message);
            }
        }
    }
}
